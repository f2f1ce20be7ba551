# SPDX-License-Identifier: Apache-2.0
"""A peer of tests/bench: what a person writes with paho-mqtt and requests in an afternoon. Arguments: port, URL.

Nothing of it is durable, a failed call is lost, and one call waits for the other.
"""

import json
import sys

import paho.mqtt.client as mqtt
import requests

PORT, URL = int(sys.argv[1]), sys.argv[2]
session = requests.Session()
session.headers["Authorization"] = "Bearer bench"


def on_connect(client, userdata, flags, rc):
    client.subscribe("devices/+/jobs/+/cmd/execute", qos=1)


def on_message(client, userdata, message):
    command = json.loads(message.payload)
    answer = session.post(URL, json={"templateContext": json.dumps(command["templateContext"])}, timeout=30).json()
    reply = {"requestId": command["requestId"], "executionId": answer["executionId"]}
    client.publish(message.topic.replace("/cmd/execute", "/accepted"), json.dumps(reply), qos=1)


client = mqtt.Client("script-bench", clean_session=False)
client.on_connect = on_connect
client.on_message = on_message
client.connect("127.0.0.1", PORT)
client.loop_forever()
