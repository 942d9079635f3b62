"""Moving what a store holds into another one, of whatever kind, with proof that nothing changed on the
way.
"""
