if(TARGET culvert_dns)
  culvert_fuzz(dns_lookup SOURCES dns_lookup_fuzz.cpp USES dns)
endif()
