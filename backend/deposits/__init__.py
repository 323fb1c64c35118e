"""Records of devices: judged by pure rules, booked by the ledger, answered to the device."""
