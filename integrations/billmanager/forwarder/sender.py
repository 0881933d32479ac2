"""Sends events to ipbridge, over one connection that is kept."""

import http.client
import json
import ssl
from urllib.parse import urlsplit


class Away(Exception):
    """ipbridge cannot take events now, or the answer got lost; sending again is harmless."""


class Refused(Exception):
    """ipbridge will never take this."""


def create_sender(config):
    """Returns a function (events) that returns when ipbridge has them. Raises Away, Refused."""
    url = urlsplit(config["url"])
    path = url.path.rstrip("/") + "/api/v1/events"
    headers = {
        "Authorization": "Bearer " + config["token"],
        "Content-Type": "application/cloudevents-batch+json",
        "User-Agent": "ipbridge-billmanager",
    }
    state = {"connection": None}

    def connect():
        if url.scheme == "http":
            return http.client.HTTPConnection(url.hostname, url.port, timeout=60)
        context = ssl.create_default_context(cafile=config.get("ca"))
        return http.client.HTTPSConnection(url.hostname, url.port, timeout=60, context=context)

    def send(events):
        try:
            if state["connection"] is None:
                state["connection"] = connect()
            state["connection"].request("POST", path, json.dumps(events).encode("utf-8"), headers)
            answer = state["connection"].getresponse()
            status, body = answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            close()
            raise Away("ipbridge at %s cannot be reached: %s" % (config["url"], error or type(error).__name__))
        if 200 <= status < 300:
            return
        problem = problem_of(body)
        told = "ipbridge answered %d: %s" % (status, problem.get("detail", "nothing more"))
        # What is wrong with the token, or is wrong on the way, is mended; what is wrong with an event is not.
        if status in (409, 413, 422) and "code" in problem:
            raise Refused(told)
        close()
        raise Away(told)

    def close():
        if state["connection"] is not None:
            state["connection"].close()
            state["connection"] = None

    return send


def problem_of(body):
    try:
        problem = json.loads(body.decode("utf-8"))
    except ValueError:
        return {}
    return problem if isinstance(problem, dict) else {}
