"""The four kinds of sockets of src/wire/README.md, section 1. Used by one thread."""

import struct

import zmq

import frames
from fields import Refused


class Link:
    """Our DEALER to one endpoint."""

    def __init__(self, socket, endpoint, number):
        self.socket, self.endpoint, self.number = socket, endpoint, number
        self.peer, self.hello_at = None, 0.0


def barrier(node_id, epoch):
    return b"\xffB" + node_id.bytes + struct.pack("<Q", epoch)


class Sockets:
    def __init__(self):
        self.context, self.poller, self.links, self.link_numbers = zmq.Context(), zmq.Poller(), {}, 0
        self.router = self.open(zmq.ROUTER, {zmq.ROUTER_MANDATORY: 1, zmq.ROUTER_HANDOVER: 1})
        self.xpub = self.open(zmq.XPUB, {zmq.XPUB_VERBOSER: 1})
        self.sub = self.open(zmq.SUB, {zmq.SUBSCRIBE: frames.MAGIC})
        self.work = f"tcp://127.0.0.1:{self.router.bind_to_random_port('tcp://127.0.0.1')}"
        self.publishing = f"tcp://127.0.0.1:{self.xpub.bind_to_random_port('tcp://127.0.0.1')}"
        self.followed, self.barriers, self.bad = {}, set(), []

    def open(self, kind, options):
        socket = self.context.socket(kind)
        for option, value in {zmq.LINGER: 1000, zmq.SNDHWM: 100000, zmq.RCVHWM: 100000, **options}.items():
            socket.setsockopt(option, value)
        self.poller.register(socket, zmq.POLLIN)
        return socket

    def live(self, node_id, epoch, former=None):
        """Begins a life: its barrier, and links of its own."""
        if former is not None:
            self.sub.setsockopt(zmq.UNSUBSCRIBE, barrier(node_id, former))
            for endpoint in list(self.links):
                self.hang_up(endpoint)
        self.node_id, self.epoch = node_id, epoch
        self.sub.setsockopt(zmq.SUBSCRIBE, barrier(node_id, epoch))

    def dial(self, endpoint):
        if endpoint not in self.links:
            self.link_numbers += 1
            name = b"\x01" + self.node_id.bytes + struct.pack("<QI", self.epoch, self.link_numbers)
            socket = self.open(zmq.DEALER, {zmq.ROUTING_ID: name, zmq.RECONNECT_IVL: 100, zmq.RECONNECT_IVL_MAX: 1000})
            socket.connect(endpoint)
            self.links[endpoint] = Link(socket, endpoint, self.link_numbers)
        return self.links[endpoint]

    def hang_up(self, endpoint):
        link = self.links.pop(endpoint)
        self.poller.unregister(link.socket)
        link.socket.close(linger=1000)

    def follow(self, node_id, endpoint):
        if self.followed.get(node_id) == endpoint:
            return
        if node_id in self.followed:
            self.sub.disconnect(self.followed[node_id])
        self.followed[node_id] = endpoint
        self.sub.connect(endpoint)

    def poll(self, milliseconds):
        """What came: (frame, the link it came by, the route to its sender), of which one at least is None."""
        ready = dict(self.poller.poll(milliseconds))
        by_socket = {link.socket: link for link in self.links.values()}
        for socket in ready:
            if isinstance(socket, int):  # what wakes us
                continue
            while not socket.closed:  # a frame may end a life, and its links
                try:
                    parts = socket.recv_multipart(zmq.NOBLOCK)
                except zmq.Again:
                    break
                if socket is self.xpub:
                    self.subscription(parts[0])
                    continue
                route = parts.pop(0) if socket is self.router else None
                yield from self.read(parts, by_socket.get(socket), route)

    def read(self, parts, link, route):
        if parts and parts[0].startswith(b"\xffB"):
            return
        try:
            if len(parts) != 1:
                raise Refused("bad_value", f"{len(parts)} parts")
            yield frames.decode(parts[0]), link, route
        except Refused as refused:
            self.bad.append(refused)

    def subscription(self, message):
        active, topic = message[0] == 1, message[1:]
        if topic.startswith(b"\xffB"):
            (self.barriers.add if active else self.barriers.discard)(topic)

    def send(self, link, data):
        link.socket.send(data, zmq.NOBLOCK)

    def answer(self, route, data):
        try:
            self.router.send_multipart([route, data], zmq.NOBLOCK)
        except zmq.ZMQError:
            pass  # whoever asked is gone, or does not read; he asks again

    def close(self):
        self.context.destroy(linger=1000)
