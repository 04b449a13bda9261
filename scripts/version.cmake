# Writes the header that says what was built, in every build:
#   cmake -D SOURCE=.. -D HEADER=.. -D VERSION=.. -D BUILT_WITH=.. -P version.cmake
# An unchanged header keeps its date, so that nothing is compiled again; after a commit only two small sources are.
cmake_minimum_required(VERSION 3.22)
execute_process(COMMAND git -C ${SOURCE} describe --always --exclude=* --abbrev=7 --dirty
  OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
# No git here, or an unpacked archive.
if(failed)
  set(commit unknown)
endif()
file(CONFIGURE OUTPUT ${HEADER} CONTENT "#define CROSSLAW_BUILD \"@VERSION@ (commit @commit@, @BUILT_WITH@)\"\n" @ONLY)
