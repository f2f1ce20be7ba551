# SPDX-License-Identifier: Apache-2.0
# What `deploy/package` and `cpack` make of what is installed: a Debian package. Everything is installed as for the prefix
# /usr, whatever prefix the build has; included by CMakeLists.txt.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME jobbridge)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT "jobbridge maintainers <maintainers@jobbridge.example>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "bridge from MQTT to the resource jobs of the Losant API")
set(CPACK_PACKAGE_DESCRIPTION "A device publishes a command; jobbridge makes the API call
out of it, follows the run to its end, and publishes the execution id, every
state and every log entry back on status topics.
.
It is one small program for edge gateways, with a journal on disk: an
acknowledged command survives a power cut, and no command makes two runs,
however bad the network. It needs an MQTT broker (3.1.1 or 5) and an API token.")
set(CPACK_SET_DESTDIR ON)
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE
    WORLD_READ WORLD_EXECUTE)
set(CPACK_STRIP_FILES OFF) # the release build links without symbols
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "adduser, ca-certificates")
if(JOBBRIDGE_DEBIAN_DEPENDS) # of another architecture dpkg-shlibdeps knows nothing
    string(APPEND CPACK_DEBIAN_PACKAGE_DEPENDS ", ${JOBBRIDGE_DEBIAN_DEPENDS}")
else()
    set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
endif()
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "mosquitto")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(debian ${CMAKE_CURRENT_LIST_DIR})
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${debian}/postinst ${debian}/prerm ${debian}/postrm ${debian}/conffiles)
if(JOBBRIDGE_DEBIAN_ARCHITECTURE)
    set(CPACK_DEBIAN_PACKAGE_ARCHITECTURE ${JOBBRIDGE_DEBIAN_ARCHITECTURE})
endif()
include(CPack)
