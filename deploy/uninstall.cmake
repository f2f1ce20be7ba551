# SPDX-License-Identifier: Apache-2.0
# Removes what MANIFEST lists, which `cmake --install` wrote. Never the configuration, for it was edited, nor the journal.
if(NOT EXISTS "${MANIFEST}")
    message(FATAL_ERROR "there is no ${MANIFEST}: nothing was installed from here")
endif()
file(STRINGS "${MANIFEST}" names)
foreach(name IN LISTS names)
    if(name MATCHES "/etc/jobbridge/")
        message("-- kept: ${name}")
    elseif(EXISTS "$ENV{DESTDIR}${name}" OR IS_SYMLINK "$ENV{DESTDIR}${name}")
        message("-- removed: ${name}")
        file(REMOVE "$ENV{DESTDIR}${name}")
    endif()
endforeach()
