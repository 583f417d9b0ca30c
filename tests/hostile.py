"""Text that is not meant well, and the graph that carries it wherever a user's text can stand."""

import numpy as np

import tinygrad_xent as tx
from tinygrad_xent.draw.style import visible
from tinygrad_xent.op import Op, apply, formula

# What each would do if it were read as anything but text.
TEXTS = {
    "a script": "<script>window.ran=1</script>",
    "the end of the data": "</script><script>window.ran=1//",
    "an image": "<img src=x onerror=window.ran=1>",
    "the end of an attribute": '" onload="window.ran=1" \' onload=\'window.ran=1',
    "the end of a comment": "--> ]]> */ <!-- <![CDATA[ <?xml",
    "the end of a title": "</title></style></svg></iframe><b>",
    "entities": "&lt;b&gt; &amp; &#60;i&#62; &nbsp;",
    "half a tag": "<b",
    "another node": '"]; t9 [label="x"]; //',
    "Graphviz's escapes": "\\N\\G\\E\\l\\r\\n\\",
    "Graphviz's markup": "<b>x</b>><TR><TD>y</TD></TR></TABLE>>",
    "places of a template": "{{data}} {svg} {0} %s %(x)s ${x}",
    "what a page slims": ' id="t0" stroke="none" text-anchor="start" ><',
    "mathematics": "$\\frac{$ x_{",
    "markup of a terminal": "[bold red]x[/] [/nothing]",
    "orders to a terminal": "\x1b[2J\x1b]0;title\x07\x9b31m\x7f",
    "letters turned around": "\u202egnp.\u2066\u2069\u202c",
    "several lines": "a\nimport os\r\tb\x0b\x0c\x85",
    "lines that JavaScript sees": "a\u2028b\u2029c",
    "controls": "a\x00b\x01\x1f",
    "half a character": "a\ud800b\udfff",
    "no characters": "\uffff\ufffe\U0010ffff",
    "all the world": "−∂ḡ⊙文字🙂עברית",
    "very long": "<W>" * 3000,
    "nothing": "",
    "a blank": "   ",
    "a name that is a number": "²½ 𝐱ﬁ",
    "a name that is code": "__import__('os').system('x')",
    "an underscore": "_",
}


class Carrier:
    """A graph, drawn from everything that a user names: Tensors, Modules, ops, what they keep."""

    def __init__(self, text):
        made = {"forward": lambda self, x: x * 2, "vjp_x": lambda self, g, y, x: g * 2}
        made = {name: formula(text)(function) for name, function in made.items()}
        op_class = type("Given", (Op,), made | {"name": text})

        def inside(self, x):
            op = op_class()
            op.attribute, op.saved = text, {text: np.ones(2)}
            return apply(op, x @ self.w)

        kind = text.replace("\x00", "").encode("utf-8", "ignore").decode()
        part = type(kind, (tx.nn.Module,), {"forward": inside})()
        part.w = tx.Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)

        def whole(self, x):
            return vars(self)[text](x) * vars(self)[f"{text}2"]

        self.model = type(kind, (tx.nn.Module,), {"forward": whole})()
        vars(self.model)[text] = part
        vars(self.model)[f"{text}2"] = tx.Tensor([1.0, 2.0], requires_grad=True, name=text)
        self.x = tx.Tensor([[1.0, 2.0]], requires_grad=True, name=text)
        self.loss = tx.cross_entropy(self.model(self.x), [1])
        self.loss.name = text
        self.loss.backward()
        self.text, self.names = text, {text: self.x}

    def movie(self):
        """The page of a training run of two epochs."""
        movie = tx.draw.Movie(self.model, np.ones(2, np.float32), 0)
        rows = np.arange(8, dtype=np.float32).reshape(4, 2) / 8
        tx.fit(self.model, (rows, np.array([0, 1, 0, 1])), epochs=2, on_epoch=movie.take)
        return movie.html(self.text)

    def compiled(self):
        """A training step, compiled, after one call; and the loss that it gave."""
        optimizer = tx.optim.SGD(self.model.parameters(), lr=0.1)

        def step(x, y):
            loss = tx.cross_entropy(self.model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            return loss

        compiled = tx.compile(step)
        return compiled, compiled(np.array([[1.0, 2.0], [0.0, 1.0]]), np.array([0, 1]))


def harmless(text):
    """As long, and of letters and blanks alone."""
    return "".join(" " if visible(c).isspace() else "x" for c in text)
