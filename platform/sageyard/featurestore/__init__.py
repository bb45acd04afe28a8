"""The feature store: feature groups, their online store, and their offline store in S3."""
