culvert_fuzz(tls_records SOURCES tls_records_fuzz.cpp USES tls)
