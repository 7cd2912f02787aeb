culvert_fuzz(tls_handshake SOURCES tls_handshake_fuzz.cpp USES tls test_support_ca)
