"""RabbitMQ: one I/O thread owns two connections (publish, consume); others hand it work, publish, and get called back.

Publishes are `mandatory`, confirmed and pipelined; acknowledgements are grouped. A delivery is bound to the session
that brought it: after a reconnect its acknowledgement is dropped (trap 3), and the broker delivers it again.
"""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from functools import partial
from typing import Any

import pika
import structlog
from pika.adapters.select_connection import IOLoop

from common import crash
from common.addresses import Addresses
from common.confirms import Confirms, Message, Then
from common.connection import Connection, write
from common.deliveries import Delivery, Subscription
from common.publisher import USUAL, Hooks, Patience, Publisher
from common.suspects import Suspects
from common.topology import DEAD_EXCHANGE, declare

BLOCKED_S = 60
TICK_S = 0.5
STABLE_S = 5.0
CLOSE_S = 1.5

log = structlog.get_logger()


class Broker:
    """The connections of one process. Any thread may call `publish…`, `complete`, `pause`, `resume`, `stop`."""

    def __init__(
        self,
        urls: str,
        name: str,
        on_returned: Callable[[str], None] = lambda _key: None,
        patience: Patience = USUAL,
    ) -> None:
        self._addresses = Addresses(urls)
        self._name = name
        self._patience = patience
        self._subscriptions: list[Subscription] = []
        self._loop = IOLoop()
        self._thread = threading.Thread(target=self._run, name="amqp", daemon=True)
        self._session = 0
        self._connected_at = 0.0
        self._connections: list[Any] = []
        self._suspects = Suspects()
        self._publisher = Publisher(Hooks(write, self._loop.call_later, on_returned))
        self._stopping = False
        self._connected = self._blocked = False
        self.last_tick = float("inf")  # nobody waits for one before the start

    @property
    def ready(self) -> bool:
        """Connected, consuming, and not blocked by an alarm of the broker."""
        return self._connected and not self._blocked and self._thread.is_alive()

    def subscribe(self, subscription: Subscription) -> None:
        """Before `start`: add a lane's queues."""
        self._subscriptions.append(subscription)

    def start(self) -> None:
        self.last_tick = time.monotonic()
        self._thread.start()

    def stop(self) -> None:
        """Close both connections and end the thread; what is unacknowledged goes back to its queue."""
        self._later(lambda: self._close_down(time.monotonic() + CLOSE_S))
        self._thread.join(timeout=5)

    def publish(self, messages: Sequence[Message], then: Then) -> None:
        """Publish; `then(True)` is called in the I/O thread once all are confirmed, `then(False)` when one never is."""
        if messages:
            self._later(lambda: self._publisher.publish(messages, then))
        else:
            then(True)  # noqa: FBT003 - the callback's shape

    def publish_and_wait(self, messages: Sequence[Message]) -> bool:
        """Publish and wait for every confirm; False when one did not come in time."""
        done: Future[bool] = Future()
        self.publish(messages, done.set_result)
        return bool(wait([done], self._patience.confirm_s).done) and done.result()

    def complete(self, work: Sequence[tuple[Delivery, Sequence[Message]]]) -> None:
        """For each delivery: publish what follows, and acknowledge it only after every confirm (promise 3)."""
        following = [(messages, partial(self._done, delivery, messages)) for delivery, messages in work if messages]
        finished = [delivery for delivery, messages in work if not messages]
        if following and self._publisher.at_once(following):
            following = []
        if following or finished:
            self._later(lambda: self._complete(following, finished))

    def pause(self, subscription: Subscription) -> None:
        """Take no more messages; what is unacknowledged is kept."""
        self._later(lambda: self._set_paused(subscription, paused=True))

    def resume(self, subscription: Subscription) -> None:
        self._later(lambda: self._set_paused(subscription, paused=False))

    # --- everything below runs in the I/O thread -------------------------------------------------------------------

    def _later(self, work: Callable[[], None]) -> None:
        self._loop.add_callback_threadsafe(work)

    def _run(self) -> None:
        self._loop.call_later(0, self._connect)
        self._loop.call_later(TICK_S, self._tick)
        self._loop.start()
        self._loop.close()

    def _connect(self) -> None:
        if self._stopping:
            return
        self._session += 1
        self._connections = []
        self._open("publish", self._session, self._open_publisher)

    def _open(self, role: str, session: int, opened: Callable[[Any, int], None]) -> None:
        parameters = pika.URLParameters(self._addresses.current)
        parameters.heartbeat = self._patience.heartbeat_s
        parameters.blocked_connection_timeout = BLOCKED_S
        parameters.socket_timeout, parameters.stack_timeout = self._addresses.patience_s
        parameters.client_properties = {"connection_name": f"{self._name}.{role}"}

        def lost(_connection: Any, error: Any) -> None:
            self._lost(session, error)

        connection = Connection(
            parameters,
            on_open_callback=lambda connection: self._opened(connection, session, opened),
            on_open_error_callback=lost,
            on_close_callback=lost,
            custom_ioloop=self._loop,
        )
        connection.add_on_connection_blocked_callback(lambda *_: self._set_blocked(blocked=True))
        connection.add_on_connection_unblocked_callback(lambda *_: self._set_blocked(blocked=False))
        self._connections.append(connection)

    def _opened(self, connection: Any, session: int, then: Callable[[Any, int], None]) -> None:
        if session == self._session and not self._stopping:
            then(connection, session)
        else:
            connection.close()  # given up while it was opening

    def _open_publisher(self, connection: Any, session: int) -> None:
        def opened(channel: Any) -> None:
            if session != self._session:
                return  # given up while the channel was opening
            channel.add_on_close_callback(lambda _channel, error: self._lost(session, error))
            confirms = Confirms()
            connection.confirm(channel, partial(self._confirmed, confirms))
            channel.add_on_return_callback(
                lambda _channel, _method, properties, _body: confirms.returned(int(properties.message_id))
            )
            declare(channel, lambda: self._open("consume", session, self._open_consumers))
            self._publisher.use(channel, confirms)  # not before: other threads publish at once

        connection.channel(on_open_callback=opened)

    def _confirmed(self, confirms: Confirms, tag: int, multiple: bool, accepted: bool) -> None:  # noqa: FBT001 - the callback's shape
        self._publisher.confirmed(confirms.resolve(tag, multiple=multiple), accepted=accepted)
        self._flush()

    def _open_consumers(self, connection: Any, session: int) -> None:
        if not self._subscriptions:
            self._now_connected()
        for subscription in self._subscriptions:
            connection.channel(on_open_callback=partial(self._consume, subscription, session))

    def _consume(self, subscription: Subscription, session: int, channel: Any) -> None:
        if session != self._session:
            return  # given up while the channel was opening
        channel.add_on_close_callback(lambda _channel, error: self._lost(session, error))
        channel.add_on_cancel_callback(lambda _frame: self._lost(session, "consumer cancelled by the broker"))
        channel.basic_qos(prefetch_count=subscription.prefetch)
        subscription.renew(channel)
        if not subscription.paused:
            self._start_consuming(subscription)
        self._now_connected()

    def _now_connected(self) -> None:
        self._connected = True
        self._connected_at = time.monotonic()

    def _start_consuming(self, subscription: Subscription) -> None:
        subscription.turn += 1
        for queue in subscription.queues:
            ask = partial(self._ask_for, queue, subscription, self._session, subscription.turn)
            wait_s = self._suspects.wait_s(queue)
            self._loop.call_later(wait_s, ask) if wait_s else ask()

    def _ask_for(self, queue: str, subscription: Subscription, session: int, turn: int) -> None:
        if (session, turn) != (self._session, subscription.turn) or subscription.paused or not subscription.open:
            return  # given up, or paused, before a suspect's turn had come

        def take(body: bytes, tag: int, redelivered: bool) -> None:  # noqa: FBT001 - the callback's shape
            if session != self._session:
                return  # still on its way when the session was given up: its tag says nothing to the next one
            subscription.acks.delivered(tag)
            subscription.sink(Delivery(queue, body, redelivered, tag, session, subscription))

        self._suspects.asked(queue)
        channel = subscription.channel
        channel.connection.consume(channel, queue, take, partial(self._suspects.answered, queue))

    def _set_paused(self, subscription: Subscription, *, paused: bool) -> None:
        changed, subscription.paused = subscription.paused != paused, paused
        if changed and subscription.open and not paused:
            self._start_consuming(subscription)
        elif changed and subscription.open:
            subscription.channel.connection.cancel(subscription.channel)

    def _set_blocked(self, *, blocked: bool) -> None:
        self._blocked = blocked
        log.warning("broker.blocked" if blocked else "broker.unblocked")

    def _complete(self, following: Sequence[tuple[Sequence[Message], Then]], finished: Sequence[Delivery]) -> None:
        """A stale delivery's messages are published too: its redelivery may have found the work still being done."""
        with self._publisher.together():
            for messages, then in following:
                self._publisher.publish(messages, then)
        for delivery in finished:
            self._done(delivery, (), ok=True)
        self._flush()

    def _done(self, delivery: Delivery, messages: Sequence[Message], ok: bool) -> None:  # noqa: FBT001 - as above
        if delivery.session != self._session or self._stopping:
            return  # the broker delivers it again
        if not ok and any(message.exchange == DEAD_EXCHANGE for message in messages):
            # No wake-up repeats a dead letter: the broker keeps it until its queue takes it.
            delivery.subscription.acks.forget(delivery.tag)
            delivery.subscription.channel.basic_reject(delivery.tag, requeue=False)
            return
        if not ok:
            log.error("delivery.left_to_wake_up", queue=delivery.queue)
        delivery.subscription.acks.done(delivery.tag)

    def _flush(self) -> None:
        for subscription in self._subscriptions:
            if subscription.open:
                for tag, multiple in subscription.acks.flush():
                    crash.point("before_acknowledge")
                    subscription.channel.basic_ack(tag, multiple)
                    crash.point("after_acknowledge")

    def _tick(self) -> None:
        """Watchdog: pika does not say when a confirm never comes, nor when a channel was closed for an ack timeout."""
        self.last_tick = time.monotonic()
        self._loop.call_later(TICK_S, self._tick)
        if self._connected and self.last_tick - self._connected_at > STABLE_S:
            self._addresses.settled()  # not at once: what fails right after each connect must not redeliver in a storm
        if self._publisher.oldest_s > self._patience.confirm_s and not self._blocked:
            self._lost(self._session, "a confirm did not come")
        elif self._connected and any(s.channel is not None and not s.open for s in self._subscriptions):
            self._lost(self._session, "a channel was closed")

    def _lost(self, session: int, error: Any) -> None:
        if session != self._session or self._stopping:
            return
        self._session += 1  # from now on callbacks and acknowledgements of the old one are stale
        self._connected = self._blocked = False
        for subscription in self._subscriptions:
            subscription.renew(None)  # the watchdog looks at those of the next session only
        self._suspects.ended(error)
        delay = self._addresses.failed()
        log.warning("broker.lost", error=str(error) or repr(error), retry_s=delay)
        self._publisher.give_up()  # before it is closed: other threads publish at once
        self._close_connections()
        self._loop.call_later(delay, self._connect)

    def _close_connections(self) -> None:
        for connection in self._connections:
            if connection.is_open:  # pika breaks when one that is still opening is closed: see _opened
                connection.close()

    def _close_down(self, deadline: float) -> None:
        """Wait a little for the confirms that are under way: what is acknowledged now is not delivered again."""
        if self._connected and len(self._publisher) and time.monotonic() < deadline:
            self._loop.call_later(TICK_S / 25, lambda: self._close_down(deadline))
            return
        self._flush()
        self._stopping = True
        self._connected = False
        self._publisher.close()
        self._close_connections()
        self._stop_when_closed(time.monotonic() + 3)

    def _stop_when_closed(self, deadline: float) -> None:
        if all(c.is_closed for c in self._connections) or time.monotonic() > deadline:
            self._loop.stop()
        else:
            self._loop.call_later(0.02, lambda: self._stop_when_closed(deadline))
