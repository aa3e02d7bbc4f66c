"""Plugins are found as Ansible finds them."""

from tests.calls import find_plugins

find_plugins()
