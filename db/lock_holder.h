#pragma once

#include <filesystem>
#include <string>

namespace crosslaw::db {

// Who holds a database that is waited for: "process 123 (sqlite3)", as /proc/locks tells; empty
// where it does not, as across containers.
std::string lock_holder(const std::filesystem::path& database);

}  // namespace crosslaw::db
