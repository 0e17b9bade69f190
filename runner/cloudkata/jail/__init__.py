"""What keeps processes in.

Each jailed process is a fresh interpreter that confines itself through these functions: emulator and
checker by `jail_service` and `seal_service`, the host of a program by `open_door` and `host_program`.
`strongest` finds out what this machine can do, `guarantees` proves it.
"""

from cloudkata.jail.levels import JailError, Level
from cloudkata.jail.probe import obstacle, strongest
from cloudkata.jail.program import host_program, open_door, program_folders
from cloudkata.jail.proofs import Guarantee, guarantees
from cloudkata.jail.rlimits import Limits
from cloudkata.jail.services import jail_service, seal_service
from cloudkata.jail.warden import Folders
from cloudkata.jail.written import WrittenFiles, remove_scratch

__all__ = [
    "Folders",
    "Guarantee",
    "JailError",
    "Level",
    "Limits",
    "WrittenFiles",
    "guarantees",
    "host_program",
    "jail_service",
    "obstacle",
    "open_door",
    "program_folders",
    "remove_scratch",
    "seal_service",
    "strongest",
]
