"""The option by which modules of releases are told of an application."""

from __future__ import annotations


class ModuleDocFragment:
    """What Ansible adds to the documentation of the modules that name it."""

    DOCUMENTATION = r"""
options:
  app:
    type: dict
    required: true
    description: The application.
    suboptions:
      name: {type: str, required: true, description: Its name.}
      path: {type: path, required: true, description: "Folder that holds C(releases), C(current) and C(previous)."}
      service: {type: str, required: true, description: "Name before the C(@) of the services that run the releases."}
      target: {type: str, required: true, description: "Name before the C(@) of the targets that run beside them."}
      sockets: {type: path, required: true, description: "Folder of the services' sockets."}
      keep: {type: int, default: 5, description: Releases to keep; the live one and the one before always are.}
      watch: {type: int, default: 5, description: Seconds that what runs beside a release is watched when it starts.}
      user: {type: str, default: "", description: User that runs the application.}
      shared_paths:
        type: list
        elements: str
        default: []
        description: Folders below C(shared) that outlive a release and that the application may write to.
      shared_settings:
        type: list
        elements: str
        default: []
        description: >-
          Glob patterns of files that releases without files of their own share; removed with the last of these.
"""
