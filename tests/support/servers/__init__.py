"""Servers and hosts that tests start: PostgreSQL, object stores, web servers, hosts with Ray."""
