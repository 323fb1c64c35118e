"""What runs on the bin. Every file but boards/esp32.py also runs on MicroPython's Unix port."""
