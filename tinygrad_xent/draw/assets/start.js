whenLaidOut(() => player.start());
