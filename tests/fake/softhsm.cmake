# softhsm_fixture: throw-away SoftHSM tokens (tests/fake/softhsm.h), and the
# page of the counting module (tests/fake/countmod.h), a module named countmod
# whose file softhsm_fixture's users get as COUNTMOD_PATH.
find_file(SOFTHSM_MODULE libsofthsm2.so PATHS /usr/lib/softhsm
	/usr/lib64/softhsm /usr/lib64/pkcs11 /usr/lib64 /usr/local/lib/softhsm
	NO_DEFAULT_PATH)
add_library(softhsm_fixture STATIC
	${PROJECT_SOURCE_DIR}/tests/fake/countmod_page.c
	${PROJECT_SOURCE_DIR}/tests/fake/softhsm.c)
target_link_libraries(softhsm_fixture PRIVATE sealpoint_flags
	PkgConfig::p11kit PUBLIC OpenSSL::Crypto)
target_compile_definitions(softhsm_fixture
	PRIVATE SOFTHSM_MODULE="${SOFTHSM_MODULE}"
	PUBLIC COUNTMOD_PATH="$<TARGET_FILE:countmod>")
add_library(countmod MODULE ${PROJECT_SOURCE_DIR}/tests/fake/countmod.c)
set_target_properties(countmod PROPERTIES PREFIX "")
target_link_libraries(countmod PRIVATE sealpoint_flags PkgConfig::p11kit
	Threads::Threads ${CMAKE_DL_LIBS})
add_dependencies(softhsm_fixture countmod)
