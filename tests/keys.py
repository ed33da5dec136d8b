"""Keys for the queue's tests, and what is to be seen nowhere."""

from cryptography.fernet import Fernet

OLD, NEW, OTHER = (Fernet.generate_key().decode() for _ in range(3))
MARKER = "marker-4711"
