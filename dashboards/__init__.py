"""What people look at: a resident's page, the counter, the municipality's streams.

Server-rendered, in Arabic and English, usable without scripts. Pages ask backend services and
hold no numbers of their own.
"""
