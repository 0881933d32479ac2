"""The spool: what the handler noted (new), what is to be sent (out), and what was refused for good (refused).

A file is written under another name and moved to its place whole, so nothing is ever half there. Each step can be
done again after a crash: a note is removed only when its events are in `out`, and these only when they were taken.
What is written is on the disk, under its name, before anything is removed for it: so a power cut loses nothing.
"""

import json
import os

FOLDERS = ("tmp", "new", "out", "refused")


def create_spool(root):
    folder = {name: os.path.join(root, name) for name in FOLDERS}
    for path in folder.values():
        os.makedirs(path, mode=0o700, exist_ok=True)

    class Spool:
        @staticmethod
        def notes():
            """The names of what the handler noted, in the order in which it happened."""
            return sorted(os.listdir(folder["new"]), key=in_order)

        @staticmethod
        def note(name):
            """One of them. Raises ValueError where it is none."""
            with open(os.path.join(folder["new"], name), encoding="utf-8", errors="replace") as file:
                parts = [part for part in file.read().split("\0") if part]
            note = dict(part.partition("=")[::2] for part in parts)
            if not {"func", "elid", "plid", "domain", "user"} <= set(note):
                raise ValueError("%s is no note of the handler" % name)
            return dict(note, name=name, ns=in_order(name)[0])

        @staticmethod
        def forget(name):
            os.unlink(os.path.join(folder["new"], name))

        @staticmethod
        def put(name, events):
            """Makes events out of a note. Those that are there already stay: they may have been sent."""
            place = os.path.join(folder["out"], name + ".json")
            if events and not os.path.exists(place):
                write(place, json.dumps(events))
            Spool.forget(name)

        @staticmethod
        def outgoing():
            return sorted((name for name in os.listdir(folder["out"])), key=in_order)

        @staticmethod
        def events(name):
            with open(os.path.join(folder["out"], name), encoding="utf-8") as file:
                return json.load(file)

        @staticmethod
        def sent(name):
            os.unlink(os.path.join(folder["out"], name))

        @staticmethod
        def refuse(name, why, note=False):
            """Sets something aside for a person, with the reason beside it."""
            write(os.path.join(folder["refused"], name + ".reason"), why + "\n")
            os.replace(os.path.join(folder["new" if note else "out"], name), os.path.join(folder["refused"], name))

        @staticmethod
        def retry():
            """Puts everything that was refused back to be sent once more."""
            names = [name for name in os.listdir(folder["refused"]) if not name.endswith(".reason")]
            for name in names:
                target = "out" if name.endswith(".json") else "new"
                os.replace(os.path.join(folder["refused"], name), os.path.join(folder[target], name))
                try:
                    os.unlink(os.path.join(folder["refused"], name + ".reason"))
                except FileNotFoundError:
                    pass
            return len(names)

    def write(place, text):
        beside = os.path.join(folder["tmp"], os.path.basename(place))
        with open(beside, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, place)
        names = os.open(os.path.dirname(place), os.O_RDONLY)
        try:
            os.fsync(names)
        finally:
            os.close(names)

    return Spool


def in_order(name):
    """`<nanoseconds>-<process>`, as the handler names its notes."""
    time = name.partition("-")[0]
    return (int(time) if time.isdigit() else 0, name)
