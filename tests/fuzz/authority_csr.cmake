culvert_fuzz(authority_csr SOURCES authority_csr_fuzz.cpp USES authority)
