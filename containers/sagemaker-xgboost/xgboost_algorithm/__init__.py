"""The built-in XGBoost algorithm of SageMaker."""
