player.start();
