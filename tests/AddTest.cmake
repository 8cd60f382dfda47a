# add_unit(NAME agent.wire SOURCES wire.c [LIBS ...] [LABEL unit] [TIMEOUT 60]
#          [ENVIRONMENT ...] [THREADS]) makes and registers one CMocka program.
# THREADS: it makes threads, so that it runs under the thread sanitizer, too;
# lint.threads compares this with what the linker sees. The target "threaded"
# builds those. The property SEALPOINT_UNITS lists all, with "threads" or "-".
add_custom_target(threaded)

function(add_unit)
	cmake_parse_arguments(PARSE_ARGV 0 T "THREADS" "NAME;LABEL;TIMEOUT"
		"SOURCES;LIBS;ENVIRONMENT")
	if(NOT T_LABEL)
		set(T_LABEL unit)
	endif()
	if(NOT T_TIMEOUT)
		set(T_TIMEOUT 60)
	endif()
	string(REPLACE "." "_" program "test_${T_NAME}")
	add_executable(${program} ${T_SOURCES})
	target_link_libraries(${program} PRIVATE sealpoint_flags ${T_LIBS}
		PkgConfig::cmocka)
	add_test(NAME ${T_LABEL}.${T_NAME} COMMAND ${program})
	set_tests_properties(${T_LABEL}.${T_NAME} PROPERTIES
		LABELS ${T_LABEL} TIMEOUT ${T_TIMEOUT}
		SKIP_RETURN_CODE 77 ENVIRONMENT "${T_ENVIRONMENT}")
	set(threads "-")
	if(T_THREADS)
		set(threads "threads")
		set_property(TEST ${T_LABEL}.${T_NAME} APPEND PROPERTY
			LABELS threads)
		add_dependencies(threaded ${program})
	endif()
	set_property(GLOBAL APPEND_STRING PROPERTY SEALPOINT_UNITS
		"${program} ${threads}\n")
endfunction()
