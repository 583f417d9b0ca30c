"""DotGraph: a graphviz.Digraph that finds its own layout engine.

This room imports graphviz, so it is entered only when something is drawn.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import graphviz

from ..files import replacing
from . import dot
from .builtin import builtin_svg, is_tangled
from .engines import VARIABLE, LayoutError, layout
from .graph import Graph
from .labels import CHIPS
from .page import page
from .scene import Scene
from .style import Options, visible
from .svg import finished
from .theme import OKABE_ITO, Theme

SOURCES = (".gv", ".dot")
PICTURES = (".svg", ".png", ".pdf")
TEXTS = (".html", ".json")
# The bundled engine draws a box for what its font lacks.
_IN_PNG = str.maketrans({"⊙": "×"})


class DotGraph(graphviz.Digraph):  # type: ignore[misc]
    """A drawing: DOT source that shows itself in notebooks and saves itself as a picture.

    It is made by `make_dot`, and can be changed and added to as any ``graphviz.Digraph``. Where no
    layout engine can be had, it is still shown and saved as SVG, laid out by `draw.builtin`; that
    picture shows the graph as `make_dot` found it, without what was changed or added by hand. It
    is also what draws a graph with very many long edges, for which Graphviz takes minutes.

    Examples
    --------
    >>> import tinygrad_xent as tx
    >>> from tinygrad_xent.draw import make_dot
    >>> x = tx.Tensor(3.0, requires_grad=True, name="x")
    >>> picture = make_dot(x * x)
    >>> picture.source.count("t0 -> o0")
    2
    """

    filename: str
    directory: str
    theme: Theme = OKABE_ITO
    snapshot: Graph | None = None
    _drawn_from: tuple[Scene, Options] | None = None

    @property
    def legend(self) -> Mapping[str, str]:
        """What each colour of the theme stands for."""
        kinds = (*(kind for kind, _ in CHIPS), "forward", "backward")
        return MappingProxyType({kind: getattr(self.theme, kind) for kind in kinds})

    def copy(self) -> DotGraph:
        """Another drawing that can be changed without changing this one."""
        copied: DotGraph = super().copy()
        copied.theme, copied.snapshot = self.theme, self.snapshot
        copied._drawn_from = self._drawn_from
        return copied

    def pipe(
        self,
        format: str | None = None,
        renderer: str | None = None,
        formatter: str | None = None,
        neato_no_op: bool | int | None = None,
        quiet: bool = False,
        *,
        engine: str | None = None,
        encoding: str | None = None,
    ) -> Any:
        """The picture as bytes, or as text in the given `encoding`: as ``graphviz.Digraph.pipe``.

        Raises
        ------
        LayoutError
            If no layout engine can make it, saying what to do; for SVG there is always one.
        """
        if neato_no_op:
            raise ValueError("pipe: neato_no_op: the nodes of a graph have no places yet")
        kind = (format or self.format or "svg").lower()
        source = self.source.translate(_IN_PNG) if kind == "png" else self.source
        asked = ":".join(part for part in (kind, renderer, formatter) if part)
        try:
            if asked == "svg" and self._is_tangled():
                raise LayoutError("too many long edges")
            picture = layout(source, asked, engine or self.engine or "dot")
        except LayoutError:
            if kind != "svg" or self._drawn_from is None:
                raise
            picture = builtin_svg(*self._drawn_from)
        if kind == "svg":
            picture = finished(picture, self.comment or "computation graph")
        return picture if encoding is None else picture.decode(encoding)

    def _is_tangled(self) -> bool:
        """Whether the built-in layout is the better one: for a graph that nobody changed."""
        if self._drawn_from is None or VARIABLE in os.environ:
            return False
        scene, options = self._drawn_from
        return is_tangled(scene) and self.body == dot.statements(scene, options)

    def save(
        self,
        filename: str | os.PathLike[str] | None = None,
        directory: str | os.PathLike[str] | None = None,
        *,
        skip_existing: bool | None = False,
    ) -> str:
        """Write the picture or what it shows, by the suffix: svg, png, pdf, html, json, dot or gv.

        An html file is a page with the picture, which needs no other file; a json file is
        `Graph.to_json`, all of the graph, whatever of it is drawn; dot and gv are the source. The
        file is complete or, if anything fails, as it was before. Without a filename it is the
        source that is written, as by ``graphviz.Digraph.save``. The folder must be there, unless it
        is given as `directory`, which is made, as graphviz does.

        Returns
        -------
        str
            The path of the file.

        Raises
        ------
        ValueError
            If the suffix is none of these, or a .json is asked of what `make_dot` did not draw.
        FileNotFoundError
            If there is no such folder.
        LayoutError
            If no layout engine can make the picture; for SVG there is always one.
        """
        if directory is not None:
            Path(directory).mkdir(parents=True, exist_ok=True)
        suffix = Path(filename or self.filename).suffix.lower()
        if suffix not in PICTURES + TEXTS + SOURCES:
            known = ", ".join(PICTURES + TEXTS + SOURCES)
            raise ValueError(f"save: {str(filename)!r} has the suffix {suffix!r}; wanted {known}")
        if suffix in SOURCES:
            return self._save_source(filename, directory, bool(skip_existing))
        path = Path(directory or self.directory, filename or self.filename)
        if not (skip_existing and path.exists()):
            _replace(path, self._text(suffix) if suffix in TEXTS else self.pipe(suffix[1:]))
        return str(path)

    def _text(self, suffix: str) -> bytes:
        """The content of a .json or .html file."""
        if suffix == ".html":
            svg = self.pipe("svg", encoding="utf-8")
            return page(svg, self.comment or "computation graph", self.theme).encode()
        if self.snapshot is None:
            raise ValueError("save: only a drawing by make_dot has a graph to write as .json")
        return self.snapshot.to_json().encode()

    def _save_source(
        self,
        filename: str | os.PathLike[str] | None,
        directory: str | os.PathLike[str] | None,
        skip_existing: bool,
    ) -> str:
        """Write the DOT source and remember where, as graphviz does."""
        self.filename = os.fspath(filename or self.filename)
        self.directory = os.fspath(self.directory if directory is None else directory)
        path = Path(self.filepath)
        if not (skip_existing and path.exists()):
            _replace(path, self.source.encode())
        return str(path)

    def render(
        self,
        filename: str | os.PathLike[str] | None = None,
        directory: str | os.PathLike[str] | None = None,
        view: bool = False,
        cleanup: bool = False,
        format: str | None = None,
        renderer: str | None = None,
        formatter: str | None = None,
        neato_no_op: bool | int | None = None,
        quiet: bool = False,
        quiet_view: bool = False,
        *,
        outfile: str | os.PathLike[str] | None = None,
        engine: str | None = None,
        raise_if_result_exists: bool = False,
        overwrite_source: bool = False,
    ) -> str:
        """Write the source and, beside it, the picture: as ``graphviz.Digraph.render``.

        As there, folders that are missing are made.

        Returns
        -------
        str
            The path of the picture: `outfile`, or `filename` with the format added.
        """
        if outfile is not None:
            format = format or Path(outfile).suffix[1:]
            filename = filename or Path(outfile).with_suffix(".gv")
        kind = (format or self.format or "svg").lower()
        at = Path(self.directory if directory is None else directory)
        for file in (filename or self.filename, outfile or ""):
            (at / file).parent.mkdir(parents=True, exist_ok=True)
        source = self._save_source(filename, directory, skip_existing=False)
        target = Path(self.directory, outfile) if outfile else Path(f"{source}.{kind}")
        if raise_if_result_exists and target.exists():
            raise graphviz.FileExistsError(f"output file exists: {target}")
        if target == Path(source) and not overwrite_source:
            raise ValueError(f"render: outfile {target} is the source itself")
        _replace(target, self.pipe(kind, renderer, formatter, neato_no_op, quiet, engine=engine))
        if cleanup:
            Path(source).unlink()
        if view or quiet_view:
            graphviz.view(str(target), quiet=quiet_view)
        return str(target)

    def _repr_mimebundle_(
        self,
        include: Iterable[str] | None = None,
        exclude: Iterable[str] | None = None,
        **_: Any,
    ) -> dict[str, Any]:
        """What a notebook shows: the SVG and the source, which says why if a picture is missing."""
        wanted = {"text/plain", "image/svg+xml"} if include is None else set(include)
        wanted -= set(exclude or ())
        bundle: dict[str, Any] = {"text/plain": self.source}
        for mimetype, kind, encoding in (
            ("image/svg+xml", "svg", "utf-8"),
            ("image/png", "png", None),
        ):
            if mimetype in wanted:
                try:
                    bundle[mimetype] = self.pipe(kind, encoding=encoding)
                except LayoutError as error:
                    why = "".join(f"// {line}\n" for line in str(error).splitlines())
                    bundle["text/plain"] = why + self.source
        return {mimetype: data for mimetype, data in bundle.items() if mimetype in wanted}


def drawn(scene: Scene, options: Options) -> DotGraph:
    """The drawing of a scene."""
    picture = DotGraph(
        name="backprop",
        comment=_title(scene.graph),
        format="svg",
        graph_attr=dot.graph_attributes(scene, options),
        node_attr=dot.node_attributes(options),
        edge_attr=dot.edge_attributes(),
        body=dot.statements(scene, options),
    )
    picture.theme, picture.snapshot = options.theme, scene.graph
    picture._drawn_from = scene, options
    return picture


def _title(graph: Graph) -> str:
    """One line of text for those who cannot see the picture."""
    name = visible(" ".join(graph.root.name.split()))
    gradients = "with gradients" if graph.has_gradients else "before backward"
    counts = f"{len(graph.ops)} ops, {len(graph.tensors)} tensors"
    return f"Computation graph of {name}: {counts}, {gradients}"


def _replace(path: Path, content: bytes) -> None:
    """Write a file at once: nobody sees half of it."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)
