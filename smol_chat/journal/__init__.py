"""The conversations on disk: every event of every turn, written as it happens."""

from smol_chat.journal.store import ConversationSummary, Journal

__all__ = ["ConversationSummary", "Journal"]
