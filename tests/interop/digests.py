"""The hashes and digests of src/wire/README.md, section 5."""

import struct

import xxhash

import frames


def h(data):
    return xxhash.xxh3_64_intdigest(data, seed=0)


def interest_hash(bus, key):
    return h(bus.encode() + b"\0" + key.encode())


def key_element(interest):
    return h(struct.pack("<Q", interest))


def each_node_element(bus_number):
    return h(b"each-node" + struct.pack("<H", bus_number))


def member_element(node_id, epoch, left=False, forgotten=False):
    return h(node_id.bytes + struct.pack("<QB", epoch, left + 2 * forgotten))


def group_element(entry):
    out = bytearray()
    frames.GROUP_ENTRY.put(out, entry)
    return h(bytes(out))


def announcement_digest(interests, each_node):
    digest = 0
    for interest in interests:
        digest ^= key_element(interest)
    for bus_number in each_node:
        digest ^= each_node_element(bus_number)
    return digest
