"""The files of the workspace as a tree, to attach one of them to the message."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Tree
from textual.widgets.tree import TreeNode
from typing_extensions import override

from smol_chat.ui.files import FileList
from smol_chat.ui.screens.box import BoxScreen


class _Files(Tree[str]):
    """Folders fill when they are opened. A node's data is its path; a folder's ends in a slash."""

    def __init__(self, name: str, paths: Sequence[str]) -> None:
        super().__init__(Text(name), data="")
        self._paths = paths

    def on_mount(self) -> None:
        """Show the first level."""
        self.root.expand()

    @override
    def render_label(self, node: TreeNode[str], base_style: Style, style: Style) -> Text:
        mark = "" if not node.allow_expand else "▾ " if node.is_expanded else "▸ "
        return Text.assemble((mark, base_style), (str(node.label), style))

    def on_tree_node_expanded(self, event: Tree.NodeExpanded[str]) -> None:
        """Fill a folder."""
        node = event.node
        if node.children or node.data is None:
            return
        under = node.data
        names = {path[len(under) :].partition("/")[0:2] for path in self._paths if path.startswith(under)}
        for name, slash in sorted(names, key=lambda entry: (not entry[1], entry[0].lower())):
            if slash:
                node.add(Text(name), data=f"{under}{name}/")
            else:
                node.add_leaf(Text(name), data=f"{under}{name}")


class FileTreeScreen(BoxScreen[str | None]):
    """Show the tree; gives the chosen path, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "Back", show=False),
        Binding("tab", "dismiss", "Back to the list", show=False),
        Binding("a", "take", "Attach the folder's list of files", show=False),
    ]
    DEFAULT_CSS = """
    FileTreeScreen .box {
        width: 80%;
        max-width: 100;
        height: 80%;
    }
    FileTreeScreen Tree { background: transparent; scrollbar-size-vertical: 1; }
    """

    def __init__(self, name: str, files: FileList) -> None:
        super().__init__()
        self._workspace = name
        self._files = files

    def compose(self) -> ComposeResult:
        """Lay out the tree."""
        with Vertical(classes="box") as box:
            box.border_title = Content("Attach a file")
            box.border_subtitle = Content("Enter attaches · a attaches a folder's list · Esc goes back")
            yield _Files(self._workspace, self._files.paths)

    def on_tree_node_selected(self, event: Tree.NodeSelected[str]) -> None:
        """Take a file; folders open and close by themselves."""
        event.stop()
        if not event.node.allow_expand:
            self.dismiss(event.node.data)

    def action_take(self) -> None:
        """Take what the cursor is on, a folder too."""
        node = self.query_one(_Files).cursor_node
        if node is not None:
            self.dismiss(node.data or "./")
