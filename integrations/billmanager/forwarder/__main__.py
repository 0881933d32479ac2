"""ipbridge's forwarder for BILLmanager: `python3 forwarder --config /etc/ipbridge-billmanager/config.json`."""

import argparse
import fcntl
import json
import os
import signal
import sys
import threading
import time

from meaning import NotYet, create_meaning
from panel import PanelAway, create_panel
from sender import Away, Refused, create_sender
from spool import create_spool
from table import merged

MGRCTL = ["/usr/local/mgr5/sbin/mgrctl", "-m", "billmgr", "-o", "xml"]
SPOOL = "/var/spool/ipbridge-billmanager"
MOST_EVENTS = 200
LOOK_SECONDS = 0.5
LONGEST_PAUSE = 30


def main():
    arguments = argparse.ArgumentParser(description="Tells ipbridge what happened in BILLmanager.")
    arguments.add_argument("--config", default="/etc/ipbridge-billmanager/config.json")
    arguments.add_argument("--once", action="store_true", help="end when there is nothing more to do now")
    arguments.add_argument("--retry-refused", action="store_true", help="send once more what was refused, and end")
    options = arguments.parse_args()
    try:
        config = read_config(options.config)
        table = merged(config.get("table", {}))
    except (OSError, ValueError, KeyError) as error:
        sys.exit("ipbridge: %s: %s" % (options.config, error))
    root = config.get("spool", SPOOL)
    spool = create_spool(root)
    if options.retry_refused:
        return say("%d refused files are sent once more" % spool.retry())

    lock = open(os.path.join(root, "lock"), "w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        sys.exit("ipbridge: another forwarder is at work on %s" % root)
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    forwarder = create_forwarder(config, table, spool, stop)
    forwarder(options.once)


def read_config(path):
    with open(path, encoding="utf-8") as file:
        config = json.load(file)
    missing = [name for name in ("url", "token", "source") if not config.get(name)]
    if missing:
        raise ValueError("it lacks %s" % ", ".join(missing))
    return config


def create_forwarder(config, table, spool, stop):
    send = create_sender(config)
    panel = create_panel(config.get("mgrctl", MGRCTL))
    #: when to look again at notes that wait for something in the panel
    look_at = {}

    def understand():
        """Makes events of everything that was noted. What a service looks like is looked up once a round."""
        seen = {}

        def rows_of(func, **params):
            key = (func, tuple(sorted(params.items())))
            if key not in seen:
                seen[key] = panel(func, **params)
            return seen[key]

        events_of = create_meaning(config, table, rows_of)
        for name in spool.notes():
            if stop.is_set():
                return
            if look_at.get(name, 0) > time.monotonic():
                continue
            try:
                note = spool.note(name)
                events = events_of(note)
            except NotYet as wait:
                age = time.time() - note["ns"] / 1e9
                if age > table["look_for_seconds"]:
                    # An order that nobody paid, or whose addresses an earlier note has told of.
                    say("%s is dropped: %s" % (name, wait))
                    spool.forget(name)
                    look_at.pop(name, None)
                else:
                    # What has waited for long is looked at less often.
                    look_at[name] = time.monotonic() + max(table["look_again_seconds"], age / 10)
                continue
            except ValueError as error:
                spool.refuse(name, str(error), note=True)
                say("%s is set aside: %s" % (name, error))
                continue
            spool.put(name, events)
            look_at.pop(name, None)

    def deliver():
        """Sends everything that is to be sent, in order. Returns whether something was sent."""
        names = spool.outgoing()
        at = 0
        while at < len(names) and not stop.is_set():
            batch, events = [], []
            while at < len(names) and (not events or len(events) < MOST_EVENTS):
                batch.append(names[at])
                events += spool.events(names[at])
                at += 1
            try:
                send(events)
            except Refused:
                one_by_one(batch)
            else:
                for name in batch:
                    spool.sent(name)
        return bool(names)

    def one_by_one(batch):
        """Of a batch all or none is taken: whoever spoils it is set aside, and does not stop the others."""
        for name in batch:
            try:
                send(spool.events(name))
            except Refused as error:
                spool.refuse(name, str(error))
                say("%s is set aside: %s" % (name, error))
            else:
                spool.sent(name)

    def run(once):
        pause = LOOK_SECONDS
        while not stop.is_set():
            busy = False
            trouble = None
            try:
                understand()
            except PanelAway as error:
                trouble = "BILLmanager cannot be asked: %s" % error
            try:
                busy = deliver()
            except Away as error:
                trouble = str(error)
            if trouble:
                say(trouble)
            if once and (trouble or not busy):
                sys.exit(1 if trouble else 0)
            pause = min(pause * 2, LONGEST_PAUSE) if trouble else LOOK_SECONDS
            if not once:
                stop.wait(pause)

    return run


def say(text):
    # systemd keeps what is said here.
    print(text, file=sys.stderr, flush=True)


main()
