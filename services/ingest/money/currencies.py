"""What Stripe charges at least and at most: https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts.

Currencies of two decimals only: all amounts here are in hundredths.
"""

MINIMUM_CENTS = {
    "aed": 200, "aud": 50, "brl": 50, "cad": 50, "chf": 50, "czk": 1500, "dkk": 250, "eur": 50, "gbp": 30, "hkd": 400,
    "huf": 17500, "inr": 50, "mxn": 1000, "myr": 200, "nok": 300, "nzd": 50, "pln": 200, "ron": 200, "sek": 300,
    "sgd": 50, "thb": 1000, "usd": 50,
}  # fmt: skip
MAXIMUM_CENTS = 99_999_999
