"""How well a model calls tools: suites of examples, the runner, the scorer, reports."""
