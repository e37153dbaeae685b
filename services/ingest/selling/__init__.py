"""From a picture and its price to an order with a payment page."""
