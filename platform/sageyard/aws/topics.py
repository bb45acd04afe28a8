"""SNS's subscribers over HTTP: told by a thread of their own, for moto has one thread and a subscriber may be slow,
and not told again while the journal is replayed."""

import threading
from collections.abc import Callable
from typing import Any

from sageyard.aws.bridges import moto


def install(replaying: Callable[[], bool]) -> None:
    """Replace how moto's subscriptions publish over HTTP."""
    subscription_class = moto("sns.models").Subscription
    publish = subscription_class.publish

    def publish_beside(subscription: Any, *arguments: Any, **members: Any) -> None:
        if subscription.protocol not in {"http", "https"}:
            publish(subscription, *arguments, **members)
        elif not replaying():
            threading.Thread(target=publish, args=(subscription, *arguments), kwargs=members, daemon=True).start()

    subscription_class.publish = publish_beside
