package launcher

// openMPI is mpirun of Open MPI, version 4 or 5. It does not say where rank 0 is.
func openMPI(e *environment) *Place {
	p := &Place{
		First: e.number("OMPI_COMM_WORLD_RANK", 0), WorldSize: e.number("OMPI_COMM_WORLD_SIZE", 1), Here: 1,
		Local: e.optionalNumber("OMPI_COMM_WORLD_LOCAL_RANK", 0, -1),
		Cure:  "start it with: mpirun -x MASTER_ADDR=HOST_OF_RANK_0 …",
	}
	mpiAddress(e, p, e.optionalNumber("OMPI_COMM_WORLD_LOCAL_SIZE", 1, 0))
	return p
}

// mpich is mpirun of MPICH and Intel MPI (hydra), or srun --mpi=pmi2.
func mpich(e *environment) *Place {
	p := &Place{
		First: e.number("PMI_RANK", 0), WorldSize: e.number("PMI_SIZE", 1), Here: 1,
		Local: e.optionalNumber("MPI_LOCALRANKID", 0, -1),
		Cure:  "start it with: mpirun -genv MASTER_ADDR HOST_OF_RANK_0 …",
	}
	mpiAddress(e, p, e.optionalNumber("MPI_LOCALNRANKS", 1, 0))
	if p.Address == "" && e.optional("SLURM_STEP_NODELIST") != "" && e.optional("SLURM_PROCID") == e.optional("PMI_RANK") {
		inSlurm := &environment{Request: e.Request}
		if s := slurm(inSlurm); s != nil && inSlurm.err == nil && len(inSlurm.missing) == 0 {
			p.Address, p.Local = s.Address, s.Local
		}
	}
	return p
}

// mpiAddress takes the address of rank 0 from MASTER_ADDR, or this machine if all ranks are on it.
func mpiAddress(e *environment, p *Place, here int) {
	p.Address = masterAddress(e, 0)
	if here > 0 && here == p.WorldSize {
		p.Nodes = 1
		if p.Address == "" {
			p.Address = join("localhost", e.optionalNumber("MASTER_PORT", 1, defaultPort))
		}
	}
}
