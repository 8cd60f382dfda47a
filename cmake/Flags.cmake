# One interface target, sealpoint_flags, carries the standard, the warnings
# and the hardening; each of our targets links it PRIVATE. Every flag is
# probed: gcc 12 and clang 14 differ in what they know.
include(CheckCCompilerFlag)
include(CheckLinkerFlag)
include(CheckPIESupported)

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
check_pie_supported(LANGUAGES C)

add_library(sealpoint_flags INTERFACE)
target_compile_definitions(sealpoint_flags INTERFACE _GNU_SOURCE)
target_include_directories(sealpoint_flags INTERFACE
	${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR}/include)

function(add_probed_flags)
	foreach(flag ${ARGN})
		string(MAKE_C_IDENTIFIER "have${flag}" have)
		check_c_compiler_flag("-Werror ${flag}" ${have})
		if(${have})
			target_compile_options(sealpoint_flags INTERFACE ${flag})
		endif()
	endforeach()
endfunction()

add_probed_flags(-Wall -Wextra -Wpedantic -Wshadow -Wconversion
	-Wsign-conversion -Wcast-qual -Wformat=2 -Wmissing-prototypes
	-Wstrict-prototypes -Wold-style-definition -Wpointer-arith -Wundef
	-Wvla -Wwrite-strings -Wimplicit-fallthrough -Wnull-dereference
	-Wswitch-enum -Wlogical-op -Wduplicated-cond -Wduplicated-branches
	-Wshorten-64-to-32)
add_probed_flags(-fstack-protector-strong -fstack-clash-protection
	-fcf-protection=full -ftrivial-auto-var-init=zero
	-fno-delete-null-pointer-checks -fno-strict-overflow)

# _FORTIFY_SOURCE needs an optimiser, and quarrels with the sanitizers.
if(NOT CMAKE_C_FLAGS MATCHES "fsanitize")
	target_compile_options(sealpoint_flags INTERFACE
		$<$<NOT:$<CONFIG:Debug>>:-U_FORTIFY_SOURCE>
		$<$<NOT:$<CONFIG:Debug>>:-D_FORTIFY_SOURCE=3>)
endif()

foreach(flag -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,--as-needed)
	string(MAKE_C_IDENTIFIER "have${flag}" have)
	check_linker_flag(C ${flag} ${have})
	if(${have})
		target_link_options(sealpoint_flags INTERFACE ${flag})
	endif()
endforeach()
