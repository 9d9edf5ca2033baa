"""One stage of training, resumed where it stopped, timed, saved."""
