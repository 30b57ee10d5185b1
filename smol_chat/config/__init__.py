"""The settings: declared once with default and help, read strictly from TOML, errors with file and line."""

from smol_chat.config.edit import SettingValue, unset_setting, write_default_config, write_setting
from smol_chat.config.fields import Where, read_section, setting, suggestion
from smol_chat.config.settings import Settings, load_settings

__all__ = [
    "SettingValue",
    "Settings",
    "Where",
    "load_settings",
    "read_section",
    "setting",
    "suggestion",
    "unset_setting",
    "write_default_config",
    "write_setting",
]
