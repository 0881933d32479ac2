"""What the vendor's pages leave open about BILLmanager, in one table, with the assumption that is made.

Every entry can be changed in config.json under "table"; what is not named there stays as it is here.
"""

TABLE = {
    # What the submission of a function means. `*` is an item type, such as vds; see "kinds".
    #   opened     the service gets its addresses (again, if need be: that is harmless)
    #   changed    the same, where its domain or server may have changed
    #   closed     the service is gone, its addresses go back
    #   address    without an id: an extra address was ordered; with one: its PTR was changed
    #   cancelled  an extra address is no longer wanted
    #   nothing
    "events": {
        # Fires when opening begins, and again from the processing module when it is done.
        "*.open": "opened",
        "*.edit": "changed",
        # The order to delete. The guest still runs then, so postclose is waited for; where no module closes
        # services, make this "closed".
        "*.delete": "nothing",
        "service.postreopen": "changed",
        "service.postclose": "closed",
        "service.ip.edit": "address",
        "service.ip.delete": "cancelled",
        # Done by modules, and by ipbridge itself. Names no service.
        "service.ip.del": "nothing",
    },
    # Item types, and the kind of service that they are to ipbridge. ISPsystem's licences would be "license".
    "kinds": {"vds": "vps", "dedic": "dedicated", "vhost": "hosting", "colocation": "colocation"},
    # Columns of the lists of services, such as `vds`.
    "service": {
        "id": "id",
        "domain": "domain",
        "client": "account",
        "server": "processingmodule",
        "state": "item_status",
        "plan": "pricelist",
        # The service's id on its server's panel, where a column shows it; empty: none does.
        "guest": "",
    },
    # Services in these states get no addresses: 4 is deleted.
    "gone": ["4"],
    # The list of a service's addresses, and its columns. One that waits for its address has none in `name`.
    "addresses": "service.ip",
    "address": {
        "id": "id",
        "name": "name",
        "type": "type",
        "domain": "domain",
        "main": "is_main",
    },
    # Patterns for `type`, as the list shows it: which addresses are IPv6, and which are none of ours.
    "ipv6": "ipv6",
    "private": "privat",
    # An order waits for payment before it has an address to be filled. It is looked for so often (and less often the
    # longer it takes), and for so long.
    "look_again_seconds": 15,
    "look_for_seconds": 7 * 86400,
}


def merged(changes):
    """The table with what config.json says otherwise."""
    unknown = sorted(set(changes) - set(TABLE))
    if unknown:
        raise ValueError("table has no %s; it has %s" % (", ".join(unknown), ", ".join(sorted(TABLE))))
    table = dict(TABLE)
    for name, value in changes.items():
        # "kinds" is replaced as a whole; the others are completed.
        keeps = isinstance(TABLE[name], dict) and name != "kinds"
        table[name] = dict(TABLE[name], **value) if keeps else value
    return table
