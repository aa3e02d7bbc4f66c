"""Fill in the templates of several files on the controller, for the module of the same name."""

from __future__ import annotations

from ansible_collections.foobar.webstack.plugins.plugin_utils.templated_files import TemplatedFilesAction


class ActionModule(TemplatedFilesAction):
    """Have the module write the files."""

    module_name = "foobar.webstack.templates"
