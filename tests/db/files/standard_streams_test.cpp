#include "db/files/standard_streams.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "tests/support/catch.h"

namespace crosslaw::db {

TEST_CASE("no file gets the number of a closed stream") {
  for (int closed = 0; closed < 8; ++closed) {
    const pid_t child = fork();
    if (child == 0) {
      for (int stream = 0; stream < 3; ++stream) {
        if ((closed >> stream & 1) != 0) ::close(stream);
      }
      open_standard_streams();
      const int file = ::open("/dev/null", O_RDONLY);
      bool writable = true;
      for (int stream = 1; stream < 3; ++stream)
        writable &= (closed >> stream & 1) == 0 || ::write(stream, "x", 1) == 1;
      ::_exit(file > 2 && writable ? 0 : 1);
    }
    int status = -1;
    waitpid(child, &status, 0);
    INFO("closed: " << closed);
    CHECK(status == 0);
  }
}

}  // namespace crosslaw::db
