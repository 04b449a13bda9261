#pragma once

#include <filesystem>
#include <string>

#include "db/database.h"

namespace crosslaw::db {

// Why a sweep's database cannot be trusted, in a few words; empty: it can, or it is none of ours to
// judge (not there, of a newer crosslaw, another program's). Reads all of it. Throws DatabaseError
// when it cannot be read for another reason than damage.
std::string database_damage(const std::filesystem::path& file, const LockPatience& patience = {});

// Moves a damaged database with its log out of the way, and returns its new name.
std::filesystem::path put_aside(const std::filesystem::path& file);

}  // namespace crosslaw::db
