culvert_fuzz(tls_certificate SOURCES tls_certificate_fuzz.cpp USES tls)
