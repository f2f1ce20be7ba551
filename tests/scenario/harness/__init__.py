# SPDX-License-Identifier: Apache-2.0
"""What the scenarios stand on: a real mosquitto, the emulated API, the real bridge, and MQTT clients, each one started
on a port of its own and stopped by its process id. Knows of the bridge only what its users know."""

from .api import Api, JOB_IDS, APPLICATION_ID
from .bridge import Bridge
from .broker import Broker
from .client import Client
from .gate import Gate
from .ports import free_port
from .program import Done, call_program, call_site
from .site import FINAL_STATES, Site
from .waiting import PATIENCE, eventually, patient

__all__ = ["Api", "APPLICATION_ID", "Bridge", "Broker", "Client", "Done", "FINAL_STATES", "Gate", "JOB_IDS", "PATIENCE",
           "Site", "call_program", "call_site", "eventually", "free_port", "patient"]
