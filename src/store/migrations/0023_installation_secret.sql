-- Secrets of the installation itself, sealed with the master key; they stay what they are when that is changed. Only `src/store` reads and writes this.
create table installation_secret (
    name text not null primary key,
    sealed {bytes} not null
) {strict};
