"""remediation: a finding becomes a plan that can be checked, applied and rolled back; an account its posture.

What enters: findings, the account's live state, and ``policy``'s evaluation as an argument. What leaves: plans, their
journal, posture checks. This room is the only door to IAM and CloudTrail calls that write, and must never make one
that nobody asked for.
"""
