//! A private Postgres server of the machine's own binaries: found, initialised, started and stopped without root rights
//! over the machine, without a container and without a driver.
