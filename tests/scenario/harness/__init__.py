# SPDX-License-Identifier: Apache-2.0
"""What the scenarios stand on: a real mosquitto, the emulated API, the real bridge, and MQTT clients, each one started
on a port of its own and stopped by its process id. Knows of the bridge only what its users know."""

from .api import Api, JOB_IDS, APPLICATION_ID
from .bridge import Bridge
from .broker import Broker
from .client import Client
from .gate import Gate
from .ports import free_port
from .scripted_broker import ScriptedBroker
from .site import FINAL_STATES, Site
from .waiting import PATIENCE, eventually, patient

__all__ = ["Api", "APPLICATION_ID", "Bridge", "Broker", "Client", "FINAL_STATES", "Gate", "JOB_IDS", "PATIENCE",
           "ScriptedBroker", "Site", "eventually", "free_port", "patient"]
