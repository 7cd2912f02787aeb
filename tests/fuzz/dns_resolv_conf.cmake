if(TARGET culvert_dns)
  culvert_fuzz(dns_resolv_conf SOURCES dns_resolv_conf_fuzz.cpp USES dns)
endif()
