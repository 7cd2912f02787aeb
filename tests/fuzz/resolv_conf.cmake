culvert_fuzz(resolv_conf SOURCES resolv_conf_fuzz.cpp USES host)
