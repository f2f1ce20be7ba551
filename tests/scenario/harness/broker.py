# SPDX-License-Identifier: Apache-2.0
"""A mosquitto of its own: on one port, with its data kept over restarts."""

import os
import socket
import subprocess

from .ports import free_port
from .process import Process, log_text
from .waiting import eventually

PROGRAM = "/usr/sbin/mosquitto"


class Broker:
    """Not started yet. options: further lines of mosquitto.conf as a dictionary; users: name -> password."""

    def __init__(self, folder, options=None, users=None):
        self.folder = folder
        self.port = free_port()
        self.log_path = os.path.join(folder, "mosquitto.log")
        self.options = dict(options or {})
        self.users = dict(users or {})
        self.more_lines = []  # at the end of mosquitto.conf: a second listener
        self.process = None
        os.makedirs(folder, exist_ok=True)

    @property
    def uri(self):
        return f"tcp://127.0.0.1:{self.port}"

    def _write_configuration(self):
        lines = {
            "listener": f"{self.port} 127.0.0.1",
            "allow_anonymous": "false" if self.users else "true",
            "persistence": "true",
            "persistence_location": self.folder + "/",
            "set_tcp_nodelay": "true",
            "max_queued_messages": "0",  # none dropped: what is lost then is lost by the bridge
            "log_dest": "stderr",
            "log_type": "all",
        }
        if os.geteuid() == 0:
            lines["user"] = "root"  # else mosquitto becomes the user mosquitto, who may not write here
        if self.users:
            lines["password_file"] = self._write_passwords()
        lines.update(self.options)
        path = os.path.join(self.folder, "mosquitto.conf")
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(f"{key} {value}\n" for key, value in lines.items())
            file.writelines(line + "\n" for line in self.more_lines)
        return path

    def _write_passwords(self):
        path = os.path.join(self.folder, "passwords")
        open(path, "w", encoding="utf-8").close()
        os.chmod(path, 0o600)
        for name, password in self.users.items():
            subprocess.run(["mosquitto_passwd", "-b", path, name, password], check=True, capture_output=True)
        return path

    def _listens(self):
        if not self.process.alive:
            raise AssertionError("mosquitto ended:\n" + log_text(self.log_path))
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def start(self):
        self.process = Process("mosquitto", [PROGRAM, "-c", self._write_configuration()], self.log_path)
        eventually(self._listens, "mosquitto listens")
        return self

    def stop(self):
        """An orderly end: sessions and what they hold are saved."""
        if self.process and self.process.alive:
            self.process.terminate()

    def restart(self):
        self.stop()
        return self.start()

    def kill(self):
        """kill -9: what mosquitto has not saved is gone."""
        if self.process:
            self.process.kill()
