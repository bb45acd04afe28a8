"""EventBridge: what happens to resources as events, and the targets of rules and schedules that follow."""
