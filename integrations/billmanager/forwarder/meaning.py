"""What a noted call of a function means to ipbridge: CloudEvents, after a look at the panel."""

import re
from datetime import datetime, timezone

ID = re.compile(r"^[0-9]{1,18}$")


class NotYet(Exception):
    """What the event is about is not there yet; look again later."""


def create_meaning(config, table, rows_of):
    """
    Returns a function (note) that gives the events of a noted call, a list that may be empty.
    note: name, ns, func, elid, plid, domain, user.
    Raises NotYet, PanelAway.
    """
    servers = config.get("servers", {})
    setups = config.get("setups", {})
    ignored = set(config.get("ignore_users", []))
    prefix = config.get("prefix", "")

    def meaning_of(func):
        item_type, _, verb = func.partition(".")
        if item_type in table["kinds"] and ("*." + verb) in table["events"]:
            return item_type, table["events"]["*." + verb]
        return None, table["events"].get(func, "nothing")

    def events_of(note):
        # What ipbridge itself wrote into the panel is no news to it, and must not come back as an order.
        if note["user"] in ignored:
            return []
        item_type, meaning = meaning_of(note["func"])
        elids = [elid.strip() for elid in note["elid"].split(",") if ID.match(elid.strip())]
        events = []
        if meaning == "opened" or meaning == "changed":
            for elid in elids:
                types = [item_type] if item_type else sorted(table["kinds"])
                events += opened(elid, types, whole=meaning == "opened")
        elif meaning == "closed":
            events = [("service.deleted", {"service": prefix + elid}) for elid in elids]
        elif meaning == "cancelled" and ID.match(note["plid"]):
            service = prefix + note["plid"]
            events = [("ip.cancelled", {"service": service, "order": elid}) for elid in elids]
        elif meaning == "address" and ID.match(note["plid"]):
            events = renamed(note, elids[0]) if elids else ordered(note)
        return [envelope(note, n, type_, data) for n, (type_, data) in enumerate(events)]

    def opened(elid, types, whole):
        for item_type in types:
            found = look_up(item_type, elid)
            if found is None:
                continue
            if found["state"] in table["gone"]:
                return []
            server = servers.get(found["server"], servers.get(found["server~"], found["server~"]))
            if server is None:
                return []
            slots = addresses_of(elid)
            service = {
                "id": prefix + elid,
                "kind": table["kinds"][item_type],
                "client": found["client"],
                "domain": found["domain"].rstrip("."),
                "server": server,
            }
            setup = setups.get(found["plan"], setups.get(found["plan~"], setups.get("*")))
            if setup is not None:
                service["setup"] = setup
            if found["guest"]:
                service["guest"] = found["guest"]
            data = {"service": service}
            main = [slot for slot in slots if slot["main"]]
            if main:
                data["addresses"] = [wanted(slot) for slot in main]
            # One that has an address is known, or is about to be taken away.
            extra = [slot for slot in slots if not slot["main"] and not slot["name"]] if whole else []
            return [("service.created", data)] + [order(elid, slot) for slot in extra]
        # It was deleted meanwhile, which is an event of its own.
        return []

    def ordered(note):
        waiting = [slot for slot in addresses_of(note["plid"]) if not slot["main"] and not slot["name"]]
        if not waiting:
            raise NotYet("service %s has no address that waits to be filled" % note["plid"])
        return [order(note["plid"], slot) for slot in waiting]

    def renamed(note, elid):
        slot = next((slot for slot in addresses_of(note["plid"]) if slot["id"] == elid), None)
        if slot is None:
            return []
        if not slot["name"]:
            raise NotYet("address %s of service %s is not assigned yet" % (elid, note["plid"]))
        ptr = note["domain"].strip().rstrip(".") or None
        return [("ptr.changed", {"service": prefix + note["plid"], "address": slot["name"], "ptr": ptr})]

    def order(service, slot):
        # The panel's id of the address identifies the order, from here to writing the address back.
        return ("ip.ordered", dict(wanted(slot), service=prefix + service, order=slot["id"]))

    def wanted(slot):
        want = {"family": slot["family"], "count": 1}
        if slot["name"]:
            want["requested"] = slot["name"]
        elif slot["domain"]:
            want["ptr"] = slot["domain"].rstrip(".")
        return want

    def look_up(item_type, elid):
        columns = table["service"]
        rows = rows_of(item_type, filter="on", **{columns["id"]: elid})
        row = next((row for row in rows if row.get(columns["id"]) == elid), None)
        if row is None:
            return None
        # What people see stands beside what the panel means, since either may be in the configuration.
        found = {name: row.get(column, "") for name, column in columns.items()}
        found.update((name + "~", row.get(column + "~", "")) for name, column in columns.items())
        return found

    def addresses_of(elid):
        columns = table["address"]
        slots = []
        for row in rows_of(table["addresses"], elid=elid):
            slot = {name: row.get(column, "") for name, column in columns.items()}
            kind = "%s %s" % (row.get(columns["type"] + "~", ""), slot["type"])
            if re.search(table["private"], kind, re.I) or not ID.match(slot["id"]):
                continue
            is_ipv6 = ":" in slot["name"] or re.search(table["ipv6"], kind, re.I)
            slot["family"] = "ipv6" if is_ipv6 else "ipv4"
            slot["main"] = slot["main"] == "on"
            slots.append(slot)
        if slots and not any(slot["main"] for slot in slots):
            slots[0]["main"] = True
        return slots

    def envelope(note, n, type_, data):
        seconds, nanos = divmod(note["ns"], 1000000000)
        moment = datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
        return {
            "specversion": "1.0",
            "id": "%s.%d" % (note["name"], n),
            "source": config["source"],
            "type": type_,
            "time": "%s.%03dZ" % (moment, nanos // 1000000),
            "sequence": str(note["ns"]),
            "data": data,
        }

    return events_of
